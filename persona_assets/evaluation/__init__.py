"""Score predictions of what users do next, and the baselines that a model has to beat.

Reads the form `next_action` of a data set and files of predictions. `baselines` learns from the split `train`, and
chooses by `validation`; scores are of the split `test`, each with a bootstrap interval. Predictions that are missing or
are no candidate count as wrong, and their numbers are reported.
"""
