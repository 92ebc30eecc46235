"""The site: a built front end in a bucket, released so that a visitor never sees half of one."""
