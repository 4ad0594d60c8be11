"""The language of Docward: what its services, and every other system that talks to them, may say.

Commands and events per stream, the semantic IR, findings and policies, the topics that carry them, and the codec
that turns a message into a Kafka record and back. Depends on pydantic and the standard library only.
"""
