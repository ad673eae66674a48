"""What the server answers: one closed model for each kind of reply."""

from concord.annotation.told.errands import Erased, Imported, Link, People, Person, Token, TokenLine, Tokens, Verified
from concord.annotation.told.oversight import Agreement, AnnotatorLine, Comparison, Day, Flag, Hard, Node, Opinion, Opinions, Overview, Pair, TagAlpha, Tally
from concord.annotation.told.simple import Done, Fault, Health, Problem
from concord.annotation.told.work import CandidateView, Guideline, GuidelineVersion, Judged, Leases, Me, Mine, Progress, Project, ProjectLine, PromptView, Range, Renewed, Stored, Task, Turn, Versions

__all__ = ["Fault", "Problem", "Done", "Health", "Me", "ProjectLine", "Project", "Turn", "PromptView", "CandidateView", "Task", "Leases", "Renewed", "Range", "Progress", "Stored", "Judged", "Mine", "Guideline", "GuidelineVersion", "Versions", "Node", "Day", "Overview", "Tally", "Flag", "AnnotatorLine", "Hard", "TagAlpha", "Agreement", "Opinion", "Opinions", "Pair", "Comparison", "Person", "People", "Link", "TokenLine", "Tokens", "Token", "Imported", "Erased", "Verified"]
