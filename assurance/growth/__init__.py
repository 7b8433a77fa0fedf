"""How the cost of commands grows with the number of plugins.

::

    shapes    projects of so many plugins: from one repository, from as many, from an index
    counting  runs each command, and counts function calls; a program of its own for each shape
    curves    exponents, the table, the pictures
"""
