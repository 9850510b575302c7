"""Reports: outcomes of answers, exposure, metric attributions."""
