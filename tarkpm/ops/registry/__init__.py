"""The verbs of `tarkpm index` that maintain one."""
