"""Devices in the words of people."""

from django import template

from companies.accounts import devices

register = template.Library()
register.filter("device_name", devices.device_name)
