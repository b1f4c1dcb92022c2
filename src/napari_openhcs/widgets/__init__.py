"""The widgets: the only room with Qt, napari and magicgui.

Every widget takes the viewer, finds the window's one
:class:`~napari_openhcs.session.Session` (:func:`~napari_openhcs.widgets.bridge.session_of`),
emits intents and shows the frozen state that comes back; its setters never write back.
``bridge.py`` alone crosses threads; nothing that reads a disk or computes runs on the
GUI thread.
"""
