// SPDX-License-Identifier: BSD-3-Clause
#![no_std]
