"""What the tests of this package, and of packages that extend it, are made of.

======================== =============================================================
module                   holds
======================== =============================================================
formats, storage,        a class of tests for one kind of entry each: whoever adds a
memory_types, libraries  format, backend, memory type or library subclasses it in a few
                         lines
runner, ome_zarr         plans of a tiny plate with known pixels, made without the compiler
faults                   functions that misbehave, as a library that every worker finds
======================== =============================================================
"""
