"""The front door: `concord VERB`, which imports what a verb needs only when the verb is carried out."""
