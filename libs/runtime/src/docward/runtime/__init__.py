"""The four roles of a Docward service, each with one implementation: decider, job, reaction, projection.

Services supply pure functions and settings; what is promised about messages is kept here and nowhere else.
"""
