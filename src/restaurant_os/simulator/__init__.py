"""A Toast POS simulator: restaurants that live, behind the HTTP API that Toast documents.

Run it with `python -m restaurant_os.simulator --port 9100`, or from code with `server.run(server.Options(port=9100))`.
It is written from Toast's published reference and imports nothing else of this project.
"""
