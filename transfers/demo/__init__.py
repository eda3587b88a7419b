"""Demonstration data: plainly synthetic people, cases in every state, and sign-ins that anybody may know.

Loaded only where `settings.DEMO` is set. This module holds what is shown to people and imports nothing.
"""

from __future__ import annotations

# Public on purpose: they open synthetic cases only.
PASSWORD = "Jiexu-demo-2026"  # nosec B105
PARTNER_NAME = "演示接入平台"
PARTNER_KEY = "jx_demo-partner-key-for-trying-the-api"

# (username, password, who that is in Chinese, in English)
SIGNINS: list[tuple[str, str, str, str]] = [
    ("nanning.handler", PASSWORD, "南宁市 · 经办、财务", "Nanning · handler, finance"),
    ("nanning.reviewer", PASSWORD, "南宁市 · 复核、财务", "Nanning · reviewer, finance"),
    ("nanning.colleague", PASSWORD, "南宁市 · 经办", "Nanning · another handler"),
    ("nanning.lead", PASSWORD, "南宁市 · 业务主管", "Nanning · supervisor"),
    ("nanning.head", PASSWORD, "南宁市 · 机构负责人", "Nanning · head of the agency"),
    ("hangzhou.handler", PASSWORD, "杭州市 · 经办、财务", "Hangzhou · handler, finance"),
    ("hangzhou.reviewer", PASSWORD, "杭州市 · 复核、财务", "Hangzhou · reviewer, finance"),
    ("hangzhou.colleague", PASSWORD, "杭州市 · 经办", "Hangzhou · another handler"),
    ("hangzhou.lead", PASSWORD, "杭州市 · 业务主管", "Hangzhou · supervisor"),
    ("hangzhou.head", PASSWORD, "杭州市 · 机构负责人", "Hangzhou · head of the agency"),
    ("hangzhou.auditor", PASSWORD, "杭州市 · 稽核", "Hangzhou · auditor"),
    ("guangxi", PASSWORD, "广西壮族自治区 · 业务主管（只读下级）", "Guangxi · supervisor, reads its areas"),
    ("zhejiang", PASSWORD, "浙江省 · 业务主管（只读下级）", "Zhejiang · supervisor, reads its areas"),
    ("nation", PASSWORD, "国家 · 业务主管（只读）", "Nation · supervisor, reads all"),
    ("admin", PASSWORD, "系统管理员（看不到业务数据）", "System administrator, sees no case"),
]
