"""Answers of programs that are asked the same from run to run, kept until something that they read changes."""
