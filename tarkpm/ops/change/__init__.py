"""How every verb that changes a project works: read source arguments, select, admit, stage, apply."""
