"""Many hosts: reached over SSH, changed in batches, brought to one version."""
