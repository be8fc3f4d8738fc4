// SPDX-License-Identifier: BSD-3-Clause
//! Logs made here.
