"""Bulk planning: the planner's columns in, one answer a row out, bad rows told and not the end."""

from __future__ import annotations

import csv
import io
import json

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from app.domain.errors import InvalidInput
from app.schemas.batches import MAX_JOBS
from app.web.bulk_files import EXAMPLE, RESULT_COLUMNS, read_jobs
from app.web.forms import PARAMS

JOB = "meta-llama/Llama-3.2-1B,h100-80-sxm,2"
TABLE = f"name,model,gpu,gpus_per_node\nGood,{JOB}\n"


def post(client: TestClient, text: str | bytes, accept: str = "text/html") -> Response:
    content = text.encode() if isinstance(text, str) else text
    files = {"jobs": ("jobs.csv", content, "text/csv")}
    return client.post("/bulk", files=files, headers={"Accept": accept})


def rows_of(answer: Response) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="shardplan-results.csv"'
    text = answer.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_page_documents_every_column(client: TestClient) -> None:
    page = client.get("/bulk").text
    assert [p.name for p in PARAMS if f"<code>{p.name}</code>" not in page] == []
    assert 'action="/bulk" enctype="multipart/form-data"' in page


def test_the_example_is_a_file_that_can_be_planned(client: TestClient) -> None:
    assert client.get("/bulk/example.csv").content.decode() == EXAMPLE
    rows = rows_of(post(client, EXAMPLE))
    assert len(rows) == 3
    assert [row["error"] for row in rows] == ["", "", ""]


def test_a_row_is_answered_with_the_planners_own_numbers(client: TestClient) -> None:
    (row,) = rows_of(post(client, TABLE))
    query = "model=meta-llama/Llama-3.2-1B&gpu=h100-80-sxm&gpus_per_node=2"
    result = client.get(f"/export.json?{query}").json()["result"]
    chosen = result["headline"]["strategy"]
    assert tuple(row) == RESULT_COLUMNS
    assert row["headline"] == result["headline"]["title"]
    shown = next(e for e in result["estimate"]["estimates"] if e["strategy"] == chosen)
    assert int(row["peak_bytes"]) == shown["peak"]["allocated_bytes"]


def test_a_job_that_does_not_fit_is_told_by_the_leanest_strategy_that_is_allowed(
    client: TestClient,
) -> None:
    large = "name,model,gpu,gpus_per_node\nBig,meta-llama/Llama-3.1-70B,rtxpro6000-ws,4\n"
    (row,) = rows_of(post(client, large))
    assert row["verdict"] == "does_not_fit"
    assert float(row["headroom_gib"]) < 0
    assert row["change_to_fit"]


def test_bad_rows_say_what_to_do_and_the_others_go_on(client: TestClient) -> None:
    table = (
        f"{TABLE}Two,meta-llama/Llama-3.2-1B,h100-80-sxm,many\nThree,,h100-80-sxm,1\nFour,{JOB}\n"
    )
    rows = rows_of(post(client, table))
    assert [row["row"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[1]["error"].startswith("gpus_per_node: Enter a whole number")
    assert rows[2]["error"] == "Give a model or saved model."
    assert rows[3]["verdict"] == rows[0]["verdict"] != ""


def test_names_neither_come_nor_go_as_formulas(client: TestClient) -> None:
    table = TABLE.replace("Good", '"=1+1"') + f"'@SUM(A1),{JOB}\n"
    rows = rows_of(post(client, table))
    assert [row["name"] for row in rows] == ["'=1+1", "'@SUM(A1)"]


def test_a_script_gets_lines_that_make_the_same_file(client: TestClient) -> None:
    table = TABLE + "Bad,no/model,h100-80-sxm,1\n"
    answer = post(client, table, "application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[0]["jobs"] == 2
    assert lines[-1] == {"done": 2}
    assert lines[1]["verdict"] == "fits"
    assert "no/model" in lines[2]["error"]
    assert "".join(line.get("csv", "") for line in lines) == post(client, table).text


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "Choose a CSV file"),
        (b"\xff\xfe\x00", "UTF-8"),
        ("model,gpu,colour\na,b,c\n", "There is no column &#39;colour&#39;"),
        ("model,gpu,gpu\na,b,c\n", "twice"),
        ("model\na\n", "Add a column gpu"),
        ("model,gpu\n", "no jobs"),
    ],
)
def test_a_file_that_is_no_table_of_jobs_is_told_beside_the_field(
    client: TestClient, table: str | bytes, said: str
) -> None:
    answer = post(client, table)
    assert answer.status_code == 422
    assert said in answer.text
    told = post(client, table, "application/x-ndjson")
    assert told.status_code == 422
    assert told.json()["error"]


def test_a_file_of_too_many_jobs_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 1,000"):
        read_jobs(b"model,gpu\n" + b"a,b\n" * (MAX_JOBS + 1))


def test_semicolons_and_a_byte_order_mark_are_read_as_spreadsheets_write_them() -> None:
    (row,) = read_jobs("\ufeffName;Model;GPU\r\nFirst;a/b;h100\r\n".encode())
    assert (row.name, dict(row.pairs)) == ("First", {"model": "a/b", "gpu": "h100"})
