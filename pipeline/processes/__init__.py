"""Processes: started, kept an eye on, ended; nothing else in the pipeline starts any."""
