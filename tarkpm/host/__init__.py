"""Running plugins: the parent's half here, the half without authority in `worker`.

::

    runtime   Host: typed calls            gate     the one door every host call passes
    handle    Worker: one plugin, running  imports  what is behind the door
    process   start, kill, reap            module   what a binary is, without running it
    channel   frames under a deadline      worker   the process that holds one plugin

Nothing here imports wasmtime but `worker`, and nothing but `worker` runs a plugin's code.
"""
