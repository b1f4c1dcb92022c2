"""OME-NGFF plates: writing results well by well, and reading them back.

========== =====================================================================
module     holds
========== =====================================================================
metadata   the JSON of plate, well, image, labels and tables, as the standard has it
nodes      Zarr groups and arrays as files, for both Zarr formats
codecs     how a plane becomes a checksummed chunk, and back
pyramid    the levels of a pyramid and the default layout of an array
tables     measurement tables as Parquet
files      durable writing, and the manifest by which a well is verified
write      the plate's skeleton, one well, the plate's list of wells
arrays     a lazy array over the chunks of one level
read       what is in a plate
results    the results of a run, for people and programs
========== =====================================================================

OME-NGFF 0.5 (Zarr 3) and 0.4 (Zarr 2) are written.  One process, the supervisor, writes
the plate's own metadata; every worker writes the group of its own well, so no two
processes ever write the same file.  A well's group is written aside and renamed to
``<store>/<row>/<column>`` when it is complete; only then does the plate list it.
"""
