"""Fuzzing: damaged and odd inputs of every kind, which must end in a result or in one clear sentence.

``python -m fuzz`` (or ``make fuzz``) writes mutated inputs, runs the program on them in this process, and
reports tracebacks, executed code, hangs, totals that do not add up, values that were misread, files left
behind, and the peak of memory. A mutation is made from seed, kind and number alone, so that each can be made
again.
"""
