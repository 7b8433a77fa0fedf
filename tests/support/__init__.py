"""What the tests share: real servers, and plugins that mean harm."""
