/* SPDX-License-Identifier: MIT */

/* Parts of the program that are loaded when they are first needed. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/module.h"

#include <dlfcn.h>

/* The module of the build directory that the program lies in, NULL when there is none. */
static void *
open_built (const char *file)
{
  static const char *const places[] = { "../forms", "../../forms", "http", "../gateway/http" };
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  if (program == NULL)
    return NULL;

  g_autofree char *folder = g_path_get_dirname (program);
  void *module = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (places) && module == NULL; i++)
    {
      g_autofree char *path = g_build_filename (folder, places[i], file, NULL);
      module = dlopen (path, RTLD_LAZY | RTLD_LOCAL);
    }
  return module;
}

gpointer
barua_module_symbol (const char *file, const char *symbol)
{
  g_autofree char *installed = g_build_filename (BARUA_MODULE_DIR, file, NULL);
  void *module = open_built (file);

  if (module == NULL)
    module = dlopen (installed, RTLD_LAZY | RTLD_LOCAL);
  gpointer address = module != NULL ? dlsym (module, symbol) : NULL;
  if (address == NULL)
    g_warning ("%s cannot be used: %s", file, dlerror ());
  return address;
}
