"""The command line: one small file per verb.

stdout is the result, stderr the progress; bad input is one line on stderr and exit code 2.
"""
