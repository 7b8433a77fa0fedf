"""What verbs that run plugins share: verified images, sign-in, compiled code."""
