"""The web service: HTTP in, and nothing that decides."""
