"""The stages of every verb that changes a project: read source arguments, select, admit, stage, apply."""
