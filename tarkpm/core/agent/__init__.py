"""The tools of a project as an agent sees them: their names, their listing within a budget, their results."""
