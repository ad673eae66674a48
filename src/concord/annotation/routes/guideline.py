"""What people are told to look for, version after version."""

from fastapi import APIRouter

from concord.annotation import asked, guidelines, told
from concord.annotation.desk import At
from concord.annotation.values import Slug

router = APIRouter(tags=["guideline"])


@router.get("/projects/{p}/guideline")
def get_guideline(p: Slug, desk: At) -> told.Guideline:
    """The version in force."""
    with desk.reading() as session:
        return guidelines.current(session, desk.project(session, p), desk.visit)


@router.get("/projects/{p}/guideline/versions")
def list_guidelines(p: Slug, desk: At) -> told.Versions:
    """All versions, the newest first."""
    with desk.reading() as session:
        return guidelines.versions(session, desk.project(session, p))


@router.post("/projects/{p}/guideline")
def write_guideline(p: Slug, body: asked.NewGuideline, desk: At) -> told.Guideline:
    """Put a new version in force; the old ones stay."""
    with desk.writing() as session:
        return guidelines.write(session, desk.project(session, p), desk.visit, body)


@router.post("/projects/{p}/guideline/acknowledge")
def acknowledge_guideline(p: Slug, body: asked.Acknowledgement, desk: At) -> told.Guideline:
    """Confirm a version."""
    with desk.writing() as session:
        return guidelines.acknowledge(session, desk.project(session, p), desk.visit, body.version)
