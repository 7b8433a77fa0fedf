"""The format of bundles: a tar of an OCI image layout, written so that equal contents are equal bytes.

::

    archive    the tar: headers in their one form
    layout     the OCI documents in it: index.json, and the slices of community indexes
"""
