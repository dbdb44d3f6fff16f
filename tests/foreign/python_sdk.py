"""The published Graph SDK and identity library of Python, against a simulated tenant over HTTPS.

Run by python_sdk.sh: python_sdk.py ADDRESS CERTIFICATE
"""
import asyncio
import json
import logging
import ssl
import sys
import urllib.request

import httpx
from azure.identity import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.groups.groups_request_builder import GroupsRequestBuilder
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph_core import GraphClientFactory
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_builder import BatchRequestBuilder

logging.disable(logging.CRITICAL)
address, certificate = sys.argv[1:3]
root = f"https://{address}"
host = address.split(":")[0]
CLIENT = "6f6f6f6f-0000-4000-8000-000000000001"


def credential(secret):
    return ClientSecretCredential(
        "contoso.example", CLIENT, secret, authority=root, disable_instance_discovery=True, connection_verify=certificate
    )


def state():
    context = ssl.create_default_context(cafile=certificate)
    return json.load(urllib.request.urlopen(f"{root}/_sim/state", context=context))


async def rows(builder, page):
    """Every row, over pages of which some may be empty."""
    found = list(page.value)
    while page.odata_next_link:
        page = await builder.with_url(page.odata_next_link).get()
        found += page.value
    return found


async def main():
    try:
        credential("wrong").get_token("https://graph.microsoft.com/.default")
        sys.exit("a wrong secret was taken")
    except Exception as error:
        assert "AADSTS7000215" in str(error), error

    provider = AzureIdentityAuthenticationProvider(
        credential("simulated-secret"), scopes=["https://graph.microsoft.com/.default"], allowed_hosts=[address, host]
    )
    http = GraphClientFactory.create_with_default_middleware(
        client=httpx.AsyncClient(verify=ssl.create_default_context(cafile=certificate), base_url=f"{root}/v1.0")
    )
    adapter = GraphRequestAdapter(provider, http)
    adapter.base_url = f"{root}/v1.0"
    client = GraphServiceClient(request_adapter=adapter)

    users = await rows(client.users, await client.users.get())
    assert len(users) == 250, len(users)

    query = GroupsRequestBuilder.GroupsRequestBuilderGetQueryParameters(filter="displayName eq 'MFA Enforced'")
    groups = await client.groups.get(request_configuration=RequestConfiguration(query_parameters=query))
    (found,) = await rows(client.groups, groups)
    group = client.groups.by_group_id(found.id)

    def link(user):
        return f"{root}/v1.0/directoryObjects/{user.id}"

    some = [user for user in users if user.given_name][-12:]
    await group.members.ref.post(ReferenceCreate(odata_id=link(some[0])))
    try:
        await group.members.ref.post(ReferenceCreate(odata_id=link(some[0])))
        sys.exit("a member was added twice")
    except ODataError as error:
        assert error.response_status_code == 400 and "already exist" in error.error.message, error
    await group.patch(Group(additional_data={"members@odata.bind": [link(user) for user in some[1:6]]}))

    batch = BatchRequestContent()
    first = client.users.by_user_id(some[0].id).to_get_request_information()
    bind = group.to_patch_request_information(Group(additional_data={"members@odata.bind": [link(user) for user in some[6:9]]}))
    members = group.members.to_get_request_information()
    for request in (first, bind, members):
        batch.add_request_information(request)
    answers = await BatchRequestBuilder(adapter).post(batch)
    statuses = sorted(answer.status for answer in answers.responses.values())
    assert statuses == [200, 200, 204], statuses

    found = await rows(group.members, await group.members.get())
    assert {member.id for member in found} == {user.id for user in some[:9]}, len(found)
    await group.members.by_directory_object_id(some[0].id).ref.delete()
    assert len(state()["members"]["MFA Enforced"]) == 8
    # nobody was told: the tenant's oracle must say so
    assert {violation["rule"] for violation in state()["violations"]} == {"told"}, state()["violations"][:3]
    print(f"{len(users)} users listed, 9 members added and 1 removed by the published SDK")


asyncio.run(main())
