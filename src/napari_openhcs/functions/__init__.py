"""The function registry: what functions there are and what each takes and gives.

``spec.py`` describes a function; ``registry.py`` lists them (from the catalogue, without
importing any library); ``libraries/`` has one adapter a library; native functions are one
file a topic; ``apply.py`` applies a planned chain of calls to a stack.
"""
