"""Long-running processes under honest and hostile traffic, and what they grow by.

::

    measure    samples of a process, slopes, verdicts
    subject    Subject: a process that is watched, and its traffic
    libraries  a program with a `Host`, one that reads git, one that asks indexes; and their servers
    clients    those programs: each makes a round when it is asked
    servers    mcp over stdio and HTTP, index serve
    table      runs all of them, samples, prints the table
"""
