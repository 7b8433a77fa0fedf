"""The protocol between the parent and a worker: frames on a socket, and the messages in them."""
