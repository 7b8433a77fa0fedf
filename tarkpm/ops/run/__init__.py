"""Parts of the verbs that run plugins: verified images, sign-in, compiled code."""
