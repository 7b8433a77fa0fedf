"""The commands: one module each, named as the command is typed, with `NAME_command` in it."""
