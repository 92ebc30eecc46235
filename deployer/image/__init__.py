"""Images: what a build is made of, the build itself, and what may be removed."""
