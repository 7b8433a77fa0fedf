"""The verbs of tarkpm, one module each. A verb that changes something plans, asks once, and applies."""
