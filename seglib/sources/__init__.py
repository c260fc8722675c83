"""Sources: data sets in the layouts of other programs, read lazily and turned into a folder of ours.

`seglib.sources.recognise.open_source` finds out what something is; `seglib.sources.writer.write_dataset` writes the
folder. One module a kind: folder, hdf5, omezarr, tiff, nnunet, tracking, archive.
"""
