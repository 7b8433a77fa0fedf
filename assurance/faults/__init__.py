"""Commands that meet a fault at each of their system calls that write.

::

    inject.c   the preload: counts the calls that write or send, and strikes one
    injector   builds it, names the kinds of faults, arms a process
    scene      what is prepared, what is run, what a user has before and after
    …_scenes   users, bundles and mirrors, registries, publishers and maintainers; scenes: all of them by name
    trials     one fault after the other, in a process of its own for each scene
    crowd      several commands at once, one of which is killed
    table      runs all scenes and prints the table
"""
