"""Reads the GitLab stand-in with the real python-gitlab, and prints the results as JSON.

usage: gitlab_client.py URL TOKEN PROJECT BRANCH
"""

import json
import sys

import gitlab


def failure(call):
    """Returns the class and the status of the error that the client raises."""
    try:
        call()
    except gitlab.GitlabError as error:
        return [type(error).__name__, error.response_code]
    return None


url, token, path, branch = sys.argv[1:]
client = gitlab.Gitlab(url, private_token=token)
client.auth()
project = client.projects.get(path)
newest = project.pipelines.list(ref=branch, per_page=1, order_by="id", sort="desc", get_all=False)[0]
stranger = gitlab.Gitlab(url, private_token="glpat-unknown")

print(
    json.dumps(
        {
            "version": client.version()[0],
            "username": client.user.username,
            "project": [project.id, project.path_with_namespace],
            "newest": [newest.id, newest.status, newest.sha, newest.ref, newest.web_url],
            "latest": project.pipelines.latest(ref=branch).id,
            "by_id": project.pipelines.get(newest.id).status,
            # Pages of two, found by their links.
            "all": [one.id for one in project.pipelines.list(per_page=2, iterator=True)],
            "branches": sorted(one.name for one in project.branches.list(get_all=True)),
            "protected": {
                one.name: one.allow_force_push for one in project.protectedbranches.list(get_all=True)
            },
            "master": project.protectedbranches.get("master").allow_force_push,
            "failures": [
                failure(lambda: stranger.projects.get(path)),
                failure(lambda: client.projects.get("council/none")),
                failure(lambda: project.protectedbranches.get("dev")),
                failure(lambda: project.branches.get("none")),
            ],
        }
    )
)
