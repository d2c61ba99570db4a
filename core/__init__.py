"""Training of logistic regression, headless: nothing in here knows a screen.

    errors text files settings file_options value_ranges heads optimizers goals memory hardware    used by all

    data/        files to arrays in memory; table/ and sparse/ have what is for tables and for svmlight files
    engine/      arrays to gradient steps; gpu/ and processor/ have what is for one of them alone
    training/    the loop, its requests and its events
    experiment/  the directory on disk: one reader and one writer per file
    session/     a training with a directory: start, resume, watch, stop
    analysis/    what rows and parameters say about a run
    bench/       the benchmark
    predict/     a user's pictures to predictions
    export/      files for other programs
    report/      the written comparison

A package imports those above it, never those below; tests/test_layout.py holds the rule.
"""
