"""Running plugins: the parent's half here, the half without authority in `worker`.

::

    runtime       Host: typed calls                 results    what plugins answer, as values
    handle        Worker: one plugin, running       image      PluginImage: a plugin to run
    gate          the one door every host call passes          trace   what passed, secrets masked
    imports       what is behind the door           idle       ends workers that nobody uses
    process       start, kill, reap                 forkserver the same, forked from a clean process
    conversation  what parent and worker say        channel    frames under a deadline
    messages      what the frames hold              decoding   what must be, or Nonsense
    failures      every failure as one typed error  limits     how much of everything
    module        what a binary is, without running it         machine  what code is compiled for
    compiled      compiled code, kept under a MAC   compiling  made in a process of its own
    sealed        what is handed over: nobody can change it any more
    precompile    the same ahead, in parallel       confinement  what doctor says of a worker
    surface       imports and exports, with types, without running it
    older         which core modules are plugins    messaging  what channel plugins can do
    arguments     how much a call may carry
    worker        the process that holds one plugin

Nothing here imports wasmtime but `worker`, and nothing but `worker` runs a plugin's code.
"""
