"""Simulated time: areas with people at work, persons and banks, through the real actions. Used by `./dev simulate`,
and by `./dev bench month`. What is assumed is told in docs/simulate.md.
"""
