from datetime import date
from decimal import Decimal

import pytest

from alphapulse.market.ecb import daily_rates

XML = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01">
 <gesmes:subject>Reference rates</gesmes:subject>
 <Cube>
  <Cube time='2026-11-20'>
   <Cube currency='USD' rate='1.0815'/>
   <Cube currency='JPY' rate='163.21'/>
  </Cube>
  <Cube time='2026-11-19'>
   <Cube currency='USD' rate='1.09'/>
  </Cube>
 </Cube>
</gesmes:Envelope>
"""
CSV = "Date, USD, JPY, BGN, \n20 November 2026, 1.0815, 163.21, N/A, \n"


@pytest.mark.parametrize("text", [XML, "\ufeff" + XML, CSV, CSV.replace("20 November 2026", "2026-11-20")])
def test_the_newest_day_of_any_of_its_files_is_read(text):
    assert daily_rates(text) == (date(2026, 11, 20), {"USD": Decimal("1.0815"), "JPY": Decimal("163.21")})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>Service unavailable</html>",
        "Date, USD\n",
        "a,b\n1,2\n",
        "Date, USD\nsoon, 1.1\n",
        "Date, USD\n2026-11-20, 0\n",
        CSV.replace(", 1.0815", ""),
        XML.replace("</gesmes:Envelope>", ""),
    ],
)
def test_what_is_no_such_file_is_refused_with_words(text):
    with pytest.raises(ValueError, match=r"file of daily reference rates|is none"):
        daily_rates(text)


def test_a_rate_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="not an amount"):
        daily_rates("Date, USD\n2026-11-20, n.a.\n")


@pytest.mark.parametrize("text", [XML, CSV])
def test_however_a_file_is_cut_off_no_number_of_it_is_another(text):
    whole = daily_rates(text)
    for end in range(len(text.rstrip())):
        try:
            assert daily_rates(text[:end]) == whole
        except ValueError:
            continue
