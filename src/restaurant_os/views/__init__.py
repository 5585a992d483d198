"""How the sums behind the views are taken. What is made of the sums, and which view shows what, is said in `transformations.py`.

Ibis is the compiler. It is imported inside the functions, since it costs a second: a warehouse whose views are up to date never
needs it. Expressions use no zone, interval or hour arithmetic, in which the dialects differ; a duration is whole microseconds.
No fact table is read through an expression that is used twice, so that a filter on location and date reaches every scan.
"""
