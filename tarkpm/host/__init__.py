"""Run plugins. This package is the parent's half; `worker` is the half without authority.

::

    runtime        PluginHost: typed calls               results      the results of plugin calls
    pool           WorkerPool: a process for each plugin
    worker_handle  Worker: one loaded plugin             image        PluginImage: a plugin to run
    gate           the capability check of host calls    trace        host calls, secrets masked
    imports/       the implementations of host calls     reaper       ends idle workers
    process        start, kill and reap                  forkserver   the same by fork
    ipc/           frames, messages, conversation        compile/     compiled code and its cache
    module/        inspection, what fits a type      worker/      the process that holds a plugin
    failures       failures as typed errors              limits       resource limits
    exceptions     the exception that ended a call
    confinement    the report for doctor                 arguments    the size check of arguments
    channel_plugin the calls of channel plugins

Only `worker` imports wasmtime, and only `worker` runs a plugin's code.
"""
