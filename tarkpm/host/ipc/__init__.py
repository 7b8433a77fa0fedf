"""Conversation with a worker: frames on a socket, the messages in them, and their decoding."""
