/* SPDX-License-Identifier: MIT */

/* Parts of the program that are loaded when they are first needed. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/module.h"

#include <dlfcn.h>
#include <string.h>

const char *const barua_modules[] = {
  "barua-tls.so",
  "barua-xform.so",
#ifdef BARUA_PHONENUMBER
  "barua-phone.so",
#endif
  NULL,
};

/* The top of the build directory, seen from the folder of the program, when that is one of the folders there which
 * have programs.  %NULL anywhere else: what lies beside the folder of a program is not ours to load. */
static const char *
find_top (const char *folder)
{
  g_autofree char *name = g_path_get_basename (folder);
  g_autofree char *above = g_path_get_dirname (folder);
  g_autofree char *name_above = g_path_get_basename (above);

  if (strcmp (name, "gateway") == 0 || strcmp (name, "tests") == 0)
    return "..";
  return strcmp (name_above, "tests") == 0 ? "../.." : NULL;
}

/* The module beside the program or of its build directory, NULL when there is none. */
static void *
open_own (const char *file)
{
  static const char *const places[] = { "forms", "gateway/http" };
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  if (program == NULL)
    return NULL;

  g_autofree char *folder = g_path_get_dirname (program);
  const char *top = find_top (folder);
  g_autofree char *beside = g_build_filename (folder, file, NULL);
  void *module = dlopen (beside, RTLD_LAZY | RTLD_LOCAL);
  for (guint i = 0; top != NULL && i < G_N_ELEMENTS (places) && module == NULL; i++)
    {
      g_autofree char *built = g_build_filename (folder, top, places[i], file, NULL);
      module = dlopen (built, RTLD_LAZY | RTLD_LOCAL);
    }
  return module;
}

gpointer
barua_module_symbol (const char *file, const char *symbol)
{
  g_autofree char *installed = g_build_filename (BARUA_MODULE_DIR, file, NULL);
  void *module = open_own (file);

  if (module == NULL)
    module = dlopen (installed, RTLD_LAZY | RTLD_LOCAL);
  gpointer address = module != NULL ? dlsym (module, symbol) : NULL;
  if (address == NULL)
    g_warning ("%s cannot be used: %s", file, dlerror ());
  return address;
}
