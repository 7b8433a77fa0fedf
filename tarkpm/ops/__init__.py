"""What tarkpm does: one module per verb. Each plans first, asks once, then applies the plan."""
