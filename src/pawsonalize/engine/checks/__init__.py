"""Data checks: is there anything to train on, and is it what it seems to be?"""
