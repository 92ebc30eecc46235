"""The Jenkins controller that runs the pipelines: its image, its jobs, its builds."""
