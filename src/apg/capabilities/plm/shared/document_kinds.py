"""What a document of a product is for; classes ask for kinds at release."""

from enum import StrEnum


class DocumentKind(StrEnum):
	DRAWING = "drawing"
	MODEL = "model"
	SPECIFICATION = "specification"
	DATASHEET = "datasheet"
	WORK_INSTRUCTION = "work_instruction"
	TEST_REPORT = "test_report"
	CERTIFICATE = "certificate"
	MANUAL = "manual"
	OTHER = "other"
