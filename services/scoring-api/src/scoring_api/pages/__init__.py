"""The screens: server-rendered pages over the same documents that the API serves; nothing here needs a script."""
